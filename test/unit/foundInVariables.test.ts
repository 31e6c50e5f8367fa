import { describeCases } from '../support/foundDatabases.ts';

describeCases({
  '.env files': [
    [
      'URLs: quotes, export, comments, blanks, Windows line ends',
      {
        '.env':
          '# the shop\r\nexport DATABASE_URL="postgresql://app:s3%40cret@localhost:5432/shop?schema=public" # main\r\n' +
          "ANALYTICS_URL = 'postgres://stats@db.example.com/stats?sslmode=require'\r\nSITE_URL=https://example.com/?db=postgres\r\n",
        '.env.production': 'DATABASE_URL=postgres://prod@prod.example.com:6432/shop\n',
      },
      [
        'shop = PostgreSQL app:s3@cret@localhost:5432/shop (.env:2)',
        'stats = PostgreSQL stats@db.example.com:5432/stats require (.env:3)',
        'shop = PostgreSQL prod@prod.example.com:6432/shop (.env.production:1)',
      ],
    ],
    [
      'variables in values, from the file itself and from its neighbours; none from the environment of this process',
      {
        '.env': [
          'DB_USER=app',
          'DB_PASS=pa$$word',
          'DATABASE_URL=postgres://${DB_USER}:${DB_PASS}@${DB_HOST:-localhost}:${PORT_OF_DB}/shop',
          "LITERAL_URL='postgres://a:b$c@localhost:1/literal'",
          'HOME_URL=postgres://${HOME}@localhost/x',
          'NO_PASSWORD_URL=postgres://app:${NOT_THERE}@localhost/other',
        ].join('\n'),
        '.env.local': 'PORT_OF_DB=5433',
      },
      [
        'shop = PostgreSQL app:pa$word@localhost:5433/shop (.env:3)',
        'literal = PostgreSQL a:b$c@localhost:1/literal (.env:4)',
        'other = PostgreSQL app@localhost:5432/other (.env:6)',
        'PostgreSQL = PostgreSQL ? (.env:5) ! Nothing in this workspace sets the variable HOME',
      ],
    ],
    [
      'variables of libpq, the password in another file',
      {
        'api/.env': 'PGHOST=db.example.com\nPGPORT=6543\nPGDATABASE=shop\nPGUSER=me\nPGSSLMODE=verify-ca\n',
        'api/.env.local': 'PGPASSWORD=pw\n',
        'web/.env': 'PGPASSWORD=of-nobody\n',
      },
      ['shop = PostgreSQL me:pw@db.example.com:6543/shop verify-ca (api/.env:1)'],
    ],
    [
      'paths of SQLite files in every form',
      {
        '.env': [
          'A_URL=sqlite:///./data/a.db',
          'B_URL=sqlite:b.db?mode=rwc',
          'C_URL=sqlite://c.db',
          'D_URL=sqlite:////var/lib/d.db',
          'DATABASE_URL="file:./dev.db?connection_limit=1"',
          'MEMORY_URL=sqlite:///:memory:',
          'EMPTY_URL=sqlite://',
          'F_URL=sqlite+aiosqlite:///f%20f.db',
          'OTHER=file:./not-a-database',
        ].join('\n'),
      },
      [
        'a = SQLite data/a.db (.env:1, data/a.db)',
        'b = SQLite b.db (.env:2, b.db)',
        'c = SQLite c.db (.env:3, c.db)',
        'd = SQLite /var/lib/d.db (.env:4)',
        'dev = SQLite prisma/dev.db (.env:5, prisma/dev.db)',
        'f f = SQLite f f.db (.env:8, f f.db)',
      ],
      ['data/a.db', 'b.db', 'c.db', 'prisma/dev.db', 'f f.db'],
    ],
    [
      'URLs of other engines and of other forms',
      {
        '.env': [
          'MYSQL_URL=mysql://root:secret@localhost/app',
          'CACHE=redis://localhost:6379',
          'JDBC=jdbc:postgresql://localhost/app?user=me&password=pw',
          'ASYNC=postgresql+asyncpg://me@localhost/second',
          'BAD_URL=postgres://me:pa/ss@localhost/app',
          'ODD_URL=postgres://localhost:70000/app',
          'AMQP=amqp://guest:guest@localhost',
          'TOKEN=eyJhbGciOi:xyz',
        ].join('\n'),
      },
      [
        'app = PostgreSQL me:pw@localhost:5432/app (.env:3)',
        'second = PostgreSQL me@localhost:5432/second (.env:4)',
        'MySQL = MySQL ? (.env:1) ! MySQL is not supported yet',
        'Redis = Redis ? (.env:2) ! Redis is not supported yet',
        'PostgreSQL = PostgreSQL ? (.env:5) ! This PostgreSQL URL cannot be used: an @ or a / in its user or password is not written as %40 or %2F',
        'PostgreSQL = PostgreSQL ? (.env:6) ! This PostgreSQL URL cannot be used: its port is not a number from 1 to 65535, or its password contains a character that is not percent-encoded',
      ],
    ],
    [
      'Laravel, examples, and texts over several lines',
      {
        '.env':
          'DB_CONNECTION=pgsql\nDB_HOST=127.0.0.1\nDB_PORT=5432\nDB_DATABASE=laravel\nDB_USERNAME=l\nDB_PASSWORD="x y"\n',
        '.env.example': 'DATABASE_URL=postgres://user:password@localhost/example\n',
        'keys/.env':
          'KEY="-----BEGIN\nDATABASE_URL=postgres://localhost/not-me\n-----END"\nDB_URL=postgres://localhost/me\n',
        'broken/.env': 'no assignment\n=x\nDB_URL="postgres://localhost/open\n',
      },
      [
        'laravel = PostgreSQL l:x y@127.0.0.1:5432/laravel (.env:1)',
        'me = PostgreSQL localhost:5432/me (keys/.env:4)',
      ],
    ],
  ],
  'ini files of SQLAlchemy': [
    [
      'alembic.ini and those of Pyramid',
      {
        'alembic.ini': `
# A generic, single database configuration.
[alembic]
script_location = %(here)s/alembic
sqlalchemy.url = postgresql+psycopg2://scott:ti%%40ger@localhost/test
[loggers]
keys = root,sqlalchemy
`,
        'new/alembic.ini': '[alembic]\nsqlalchemy.url = driver://user:pass@localhost/dbname\n',
        'app/development.ini':
          '[DEFAULT]\nhost = db.example.com\n[app:main]\nuse = egg:app\nsqlalchemy.url = sqlite:///%(here)s/app.sqlite\nsqlalchemy.second.url=postgresql://me@%(host)s/second\nsqlalchemy.third.url=postgresql://me@%(nobody)s/third\n',
        'rel/alembic.ini': '[alembic]\nsqlalchemy.url = sqlite:///rel.db\n',
        'tox.ini': '[tox]\nenvlist = py3\n',
        'odd/odd.ini': 'sqlalchemy.url\n[[[\n= x\n',
      },
      [
        'test = PostgreSQL scott:ti@ger@localhost:5432/test (alembic.ini:5)',
        'app = SQLite app/app.sqlite (app/development.ini:5, app/app.sqlite)',
        'second = PostgreSQL me@db.example.com:5432/second (app/development.ini:6)',
        'PostgreSQL = PostgreSQL ? (app/development.ini:7) ! Nothing in this workspace sets the variable nobody',
        'rel = SQLite rel/rel.db (rel/alembic.ini:2) ! The file does not exist yet',
      ],
      ['app/app.sqlite'],
    ],
  ],
  'service files': [
    [
      'of the user',
      {
        '/home/me/.pg_service.conf':
          '# comment\n[mydb]\nhost=somehost\nport=5433\nuser=admin\npassword=pw\ndbname=real\n\n[old]\nhost=h\nservice=other\n\n[empty]\n',
        'pg_service.conf': 'no line\n[here]\nhost=localhost\ndbname=here\n',
      },
      [
        'mydb = PostgreSQL admin:pw@somehost:5433/real (/home/me/.pg_service.conf:2)',
        'here = PostgreSQL localhost:5432/here (pg_service.conf:2)',
        'old = PostgreSQL ? (/home/me/.pg_service.conf:9) ! This PostgreSQL URL cannot be used: its parameter service is not supported',
        'broken pg_service.conf:1 it has a line that is neither a [service] nor name=value',
      ],
    ],
  ],
});
