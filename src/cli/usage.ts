/** What `restore-point --help` prints. */
export const usage = `restore-point: back up a database to a file, and restore exactly that state

  restore-point backup  <connection> [--out FILE|FOLDER] [--tables a,b.c] [--exclude a,b.c]
                        [--exclude-rows log_*] [--where 'table: condition'] [--with-related] [--schema-only | --data-only]
                        [--name NAME] [--note TEXT] [--compression zstd|gzip|none]
                        [--encrypt | --recipient age1…] [--trust-settings] [--json]
  restore-point restore <file> <connection> [--mode replace|merge|insert-missing] [--tables a,b.c]
                        [--with-related] [--schema-only | --data-only] [--into-schema NAME]
                        [--create-database [NAME]] [--dry-run] [--no-safety-backup] [--identity FILE] [--trust]
                        [--trust-settings] [--yes] [--json]
  restore-point restore <file> <connection> --rows-file FILE | --where 'table: condition'
                        [--on-conflict stop|skip|overwrite] [--delete-added] [--with-related]
                        [--dry-run] [--no-safety-backup] [--identity FILE] [--trust-settings] [--yes] [--json]
  restore-point export  <file|connection> --table NAME [--where CONDITION | --differing-from <file|connection>]
                        --format csv|ndjson|json|sql|django [--out FILE] [--separator ,] [--no-header]
                        [--null TEXT] [--app-label APP] [--model NAME] [--identity FILE]
                        [--trust-settings] [--json]
  restore-point compare <side> <side> [--tables a,b.c] [--exclude a,b.c] [--rows N|all]
                        [--identity FILE] [--trust-settings] [--json]
  restore-point verify  <file> [--identity FILE] [--json]
  restore-point prove   <file> [connection] [--server <connection>] [--identity FILE] [--trust]
                        [--trust-settings] [--json]
  restore-point inspect <file> [--statements] [--identity FILE] [--json]
  restore-point salvage <file> [--out FILE] [--identity FILE] [--json]
  restore-point list    [folder…] [--identity FILE] [--json]
  restore-point pin     <file> [--json]
  restore-point unpin   <file> [--json]
  restore-point prune   <folder> [--keep-last N] [--keep-hourly N] [--keep-daily N] [--keep-weekly N]
                        [--keep-monthly N] [--dry-run] [--identity FILE] [--trust] [--yes] [--json]
  restore-point schedule <connection> [--every '2 hours' | --at 'daily 03:00'] --print cron|systemd|github
                        [--out FOLDER] [--json]

<connection>  sqlite:path/to.db
              postgres://user@host:port/database?sslmode=verify-full
                (password: PGPASSWORD, a pgpass file, or in the URL)
              the id of a connection in this folder's .vscode/settings.json

<side>        a backup file, or a connection

--tables      names, or patterns with *: orders, audit_*, archive.*; in quotes, a * is an ordinary character
--exclude-rows  tables to back up without their rows; a restore leaves their rows in the database alone
--name        what to call the backup: "before migration 42"; --note adds what there is to say about it
--out         a file that ends in .dbbackup (.dbbackup.age if encrypted), or a folder; default: "backups"
--where       only rows that match a condition, in the database's SQL; may be given once for each table;
              in a restore: the rows that match it and differ from the backup are made as they were
--with-related  also back up everything related to the chosen rows by foreign keys: rows that reference
                them, directly or indirectly, and all rows that any of these reference; in a restore:
                also restore the related tables, or with chosen rows the related rows that are gone
--rows-file   restore only these rows: lines of compare BACKUP CONNECTION --rows all --json; - reads them
              from standard input
--delete-added  also delete the chosen rows that only the database has
--on-conflict  rows that were changed since the comparison, or that the database refuses:
              stop       write nothing (the default)
              skip       leave them as they are, and restore the others
              overwrite  restore them too; those that the database refuses still stop it
--schema-only   no rows; a restore creates what is missing
--data-only     rows only; a restore creates nothing
--into-schema   create the tables in another schema, new or existing (PostgreSQL)
--mode        replace         makes each table exactly as it is in the backup (the default)
              merge           adds and updates rows from the backup; keeps all other rows
              insert-missing  adds back deleted rows; leaves existing rows alone
--dry-run     do the whole restore in its transaction, verify it, then roll it back
--encrypt     encrypt the backup (age format), or in a restore the safety backup. The passphrase comes from
              --passphrase-file FILE, RESTORE_POINT_PASSPHRASE or the terminal
--recipient   encrypt it to this public key (age1…); may be repeated; --recipients-file FILE: the keys in a file
--identity    a file of age identities, for backups that are encrypted to recipients
--rows        for compare: print the first N rows of each table that differ, or all of them
--create-database  into a new database (SQLite: a new file) with the connection's name, or with
                a name that follows; it must not exist yet
--yes         do not ask before writing
--trust       run the statements (functions, triggers, tables, …) of a backup that was not made on
                this machine: they run as you
--keep-last   for prune: keep the newest N backups of each database and of each part of it; --keep-hourly,
              --keep-daily, --keep-weekly, --keep-monthly: the newest one of each of the last N hours, days,
              weeks or months that have one
--trust       for prune: treat backups that were not made on this machine like the others
--server      for prove: create the scratch database on the server of this connection (default: that of
              [connection]; a SQLite backup needs none)
--statements  print the statements in a backup, each under its kind and name
--out         for salvage: the new file; default: beside the old one
              for export: a new file; default: standard output
--format      for export: csv (RFC 4180), ndjson (one object per line), json (one array), sql (INSERTs),
              django (a fixture for loaddata)
--where       for export: a condition in the database's SQL for a connection, column=text for a backup
--differing-from  for export: only rows that this backup or connection lacks, or has with other values
--separator   for csv: one character instead of a comma; \\t is a tab
--null        for csv: the text for NULL; default: nothing, with empty strings in quotes
--app-label, --model  for django; default: taken from the table name
--trust-settings  use a connection in .vscode/settings.json without asking whether you trust
                these settings
--verbose     log what is done, and show the stack of an error
--json        print one JSON object; with --rows all, one for each row that differs

Exit codes: 0 done, 1 failed (and rolled back), 2 wrong usage, 3 no valid backup,
4 the backup is encrypted and could not be opened, 5 the two sides differ (of prove: what was restored
differs from the backup), 130 cancelled
`;
