import { clause, identifier, qualified, readable } from './catalogSql.ts';
import type { PlainKind } from './plainObjects.ts';
import { isUsers } from './scope.ts';

/** Neither of an extension nor made by the server along with something else (a range's functions). */
export const madeByItself = (catalog: string, oid: string): string =>
  `NOT EXISTS (SELECT FROM pg_depend made WHERE made.classid = '${catalog}'::regclass AND made.objid = ${oid}
                AND made.deptype IN ('e', 'i'))`;

/** Settings that only a superuser sees are not in pg_settings, nor those that no module has defined, which take one too. */
const setsAsSuperuser = `EXISTS (
  SELECT FROM unnest(p.proconfig) c
    LEFT JOIN pg_settings s ON lower(s.name) = lower(split_part(c, '=', 1))
   WHERE s.name IS NULL OR s.context <> 'user')`;

const argumentsOf = (oid: string): string => `pg_get_function_identity_arguments(${oid})`;

const functions: PlainKind = {
  catalog: 'pg_proc',
  kind: 'function',
  query: `
    SELECT p.oid, p.oid::regprocedure::text AS name,
           CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind,
           ARRAY[regexp_replace(rtrim(pg_get_functiondef(p.oid), E'\\n '), '^CREATE OR REPLACE ', 'CREATE ')]
             || ARRAY(SELECT format('ALTER %s %s DEPENDS ON EXTENSION %s',
                                    CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
                                    p.oid::regprocedure, ${identifier('x.extname')})
                        FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
                       WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'x') AS statements,
           CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END
             || ${qualified('p.pronamespace', 'p.proname')} || '(' || ${argumentsOf('p.oid')} || ')' AS target,
           pg_get_userbyid(p.proowner) AS owner,
           p.proleakproof OR NOT l.lanpltrusted OR p.prosupport <> 0 OR ${setsAsSuperuser} AS superuser
      FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
     WHERE p.prokind <> 'a' AND ${isUsers('p.pronamespace', 'pg_proc', 'p.oid')} AND ${madeByItself('pg_proc', 'p.oid')}`,
};

const named = (word: string, value: string): string =>
  `CASE WHEN ${value} <> 0 THEN ', ${word} = ' || ${value}::regproc::text ELSE '' END`;

/** `FINALFUNC_MODIFY` where it is not what the kind of the aggregate has by itself. */
const modify = (word: string, value: string): string =>
  `CASE WHEN ${value} <> CASE a.aggkind WHEN 'n' THEN 'r' ELSE 'w' END
        THEN ', ${word} = ' || CASE ${value} WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END
        ELSE '' END`;

const aggregates: PlainKind = {
  catalog: 'pg_proc',
  kind: 'aggregate',
  query: `
    SELECT x.oid, x.oid::regprocedure::text AS name, ARRAY['CREATE ' || x.target || ' (' || x.definition || ')'] AS statements,
           x.target, x.owner, x.superuser
      FROM (
    SELECT p.oid, pg_get_userbyid(p.proowner) AS owner,
           a.aggtranstype = 'internal'::regtype OR a.aggmtranstype = 'internal'::regtype AS superuser,
           'AGGREGATE ' || ${qualified('p.pronamespace', 'p.proname')} || '('
             || CASE WHEN p.pronargs = 0 THEN '*' ELSE ${argumentsOf('p.oid')} END || ')' AS target,
           'SFUNC = ' || a.aggtransfn::regproc || ', STYPE = ' || format_type(a.aggtranstype, NULL)
             || CASE WHEN a.aggtransspace <> 0 THEN ', SSPACE = ' || a.aggtransspace ELSE '' END
             || ${clause(', INITCOND = ', 'quote_literal(a.agginitval)')}
             || ${named('FINALFUNC', 'a.aggfinalfn')}
             || CASE WHEN a.aggfinalextra THEN ', FINALFUNC_EXTRA' ELSE '' END
             || CASE WHEN a.aggfinalfn <> 0 THEN ${modify('FINALFUNC_MODIFY', 'a.aggfinalmodify')} ELSE '' END
             || ${named('COMBINEFUNC', 'a.aggcombinefn')} || ${named('SERIALFUNC', 'a.aggserialfn')}
             || ${named('DESERIALFUNC', 'a.aggdeserialfn')} || ${named('MSFUNC', 'a.aggmtransfn')}
             || ${named('MINVFUNC', 'a.aggminvtransfn')}
             || CASE WHEN a.aggmtranstype <> 0 THEN ', MSTYPE = ' || format_type(a.aggmtranstype, NULL) ELSE '' END
             || CASE WHEN a.aggmtransspace <> 0 THEN ', MSSPACE = ' || a.aggmtransspace ELSE '' END
             || ${clause(', MINITCOND = ', 'quote_literal(a.aggminitval)')}
             || ${named('MFINALFUNC', 'a.aggmfinalfn')}
             || CASE WHEN a.aggmfinalextra THEN ', MFINALFUNC_EXTRA' ELSE '' END
             || CASE WHEN a.aggmfinalfn <> 0 THEN ${modify('MFINALFUNC_MODIFY', 'a.aggmfinalmodify')} ELSE '' END
             || ${clause(
               ', SORTOP = ',
               `(SELECT 'OPERATOR(' || ${identifier(`(SELECT n.nspname FROM pg_namespace n WHERE n.oid = o.oprnamespace)`)}
                   || '.' || o.oprname || ')' FROM pg_operator o WHERE o.oid = a.aggsortop)`,
             )}
             || CASE a.aggkind WHEN 'h' THEN ', HYPOTHETICAL' ELSE '' END
             || CASE p.proparallel WHEN 's' THEN ', PARALLEL = SAFE' WHEN 'r' THEN ', PARALLEL = RESTRICTED' ELSE '' END
             AS definition
      FROM pg_proc p JOIN pg_aggregate a ON a.aggfnoid = p.oid
     WHERE ${isUsers('p.pronamespace', 'pg_proc', 'p.oid')}) x`,
};

const operatorName = (oid: string): string =>
  `(SELECT ${identifier('n.nspname')} || '.' || x.oprname
      FROM pg_operator x JOIN pg_namespace n ON n.oid = x.oprnamespace WHERE x.oid = ${oid})`;

const operators: PlainKind = {
  catalog: 'pg_operator',
  kind: 'operator',
  query: `
    SELECT o.oid, o.oid::regoperator::text AS name,
           ARRAY['CREATE OPERATOR ' || ${operatorName('o.oid')} || ' (FUNCTION = ' || o.oprcode
             || CASE WHEN o.oprleft <> 0 THEN ', LEFTARG = ' || format_type(o.oprleft, NULL) ELSE '' END
             || CASE WHEN o.oprright <> 0 THEN ', RIGHTARG = ' || format_type(o.oprright, NULL) ELSE '' END
             || ${clause(', COMMUTATOR = ', `('OPERATOR(' || ${operatorName('o.oprcom')} || ')')`)}
             || ${clause(', NEGATOR = ', `('OPERATOR(' || ${operatorName('o.oprnegate')} || ')')`)}
             || CASE WHEN o.oprcanmerge THEN ', MERGES' ELSE '' END || CASE WHEN o.oprcanhash THEN ', HASHES' ELSE '' END
             || ${named('RESTRICT', 'o.oprrest')} || ${named('JOIN', 'o.oprjoin')} || ')'] AS statements,
           'OPERATOR ' || ${operatorName('o.oid')} || ' ('
             || CASE WHEN o.oprleft = 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END || ', '
             || CASE WHEN o.oprright = 0 THEN 'NONE' ELSE format_type(o.oprright, NULL) END || ')' AS target,
           pg_get_userbyid(o.oprowner) AS owner
      FROM pg_operator o
     WHERE o.oprcode <> 0 AND ${isUsers('o.oprnamespace', 'pg_operator', 'o.oid')}`,
};

const method = (oid: string): string =>
  `(SELECT ${identifier('m.amname')} FROM pg_am m WHERE m.oid = ${oid})`;

const familyName = (oid: string): string =>
  `(SELECT ${qualified('y.opfnamespace', 'y.opfname')} FROM pg_opfamily y WHERE y.oid = ${oid})`;

const types = (left: string, right: string): string =>
  `format_type(${left}, NULL) || ', ' || format_type(${right}, NULL)`;

/** The operators and functions that depend on a class, or on a family alone, as items of its statement. */
const members = (catalog: 'pg_opclass' | 'pg_opfamily', oid: string): string => `
  (SELECT string_agg(item, ', ' ORDER BY item) FROM (
     SELECT format('OPERATOR %s %s (%s)%s', m.amopstrategy, ${operatorName('m.amopopr')},
                   ${types('m.amoplefttype', 'm.amoprighttype')},
                   ${clause(' FOR ORDER BY ', familyName('nullif(m.amopsortfamily, 0)'))}) AS item
       FROM pg_depend d JOIN pg_amop m ON m.oid = d.objid
      WHERE d.classid = 'pg_amop'::regclass AND d.refclassid = '${catalog}'::regclass AND d.refobjid = ${oid}
     UNION ALL
     SELECT format('FUNCTION %s (%s) %s', m.amprocnum, ${types('m.amproclefttype', 'm.amprocrighttype')},
                   m.amproc::regprocedure)
       FROM pg_depend d JOIN pg_amproc m ON m.oid = d.objid
      WHERE d.classid = 'pg_amproc'::regclass AND d.refclassid = '${catalog}'::regclass AND d.refobjid = ${oid}) x)`;

const familyTarget = `'OPERATOR FAMILY ' || ${qualified('f.opfnamespace', 'f.opfname')} || ' USING ' || ${method('f.opfmethod')}`;

const families: PlainKind = {
  catalog: 'pg_opfamily',
  kind: 'operator family',
  query: `
    SELECT f.oid, ${readable('f.opfnamespace', 'f.opfname')} || ' using ' || ${method('f.opfmethod')} AS name,
           ARRAY['CREATE ' || ${familyTarget}] AS statements, ${familyTarget} AS target,
           pg_get_userbyid(f.opfowner) AS owner, true AS superuser
      FROM pg_opfamily f WHERE ${isUsers('f.opfnamespace', 'pg_opfamily', 'f.oid')}`,
};

const familyMembers: PlainKind = {
  catalog: 'pg_opfamily',
  suffix: 'members',
  kind: 'operator family members',
  property: true,
  query: `
    SELECT f.oid, ${readable('f.opfnamespace', 'f.opfname')} || ' using ' || ${method('f.opfmethod')} AS name,
           'pg_opfamily ' || f.oid AS host, true AS superuser,
           ARRAY['ALTER ' || ${familyTarget} || ' ADD ' || ${members('pg_opfamily', 'f.oid')}] AS statements,
           ARRAY(SELECT 'pg_opclass ' || c.oid FROM pg_opclass c WHERE c.opcfamily = f.oid)
             || ARRAY(SELECT 'pg_proc ' || m.amproc FROM pg_amproc m WHERE m.amprocfamily = f.oid)
             || ARRAY(SELECT 'pg_operator ' || m.amopopr FROM pg_amop m WHERE m.amopfamily = f.oid) AS needs
      FROM pg_opfamily f
     WHERE ${isUsers('f.opfnamespace', 'pg_opfamily', 'f.oid')} AND ${members('pg_opfamily', 'f.oid')} IS NOT NULL`,
};

const classes: PlainKind = {
  catalog: 'pg_opclass',
  kind: 'operator class',
  query: `
    SELECT c.oid, ${readable('c.opcnamespace', 'c.opcname')} || ' using ' || ${method('c.opcmethod')} AS name,
           ARRAY[concat('CREATE OPERATOR CLASS ', ${qualified('c.opcnamespace', 'c.opcname')},
                        CASE WHEN c.opcdefault THEN ' DEFAULT' END, ' FOR TYPE ', format_type(c.opcintype, NULL),
                        ' USING ', ${method('c.opcmethod')}, ' FAMILY ', ${familyName('c.opcfamily')}, ' AS ',
                        concat_ws(', ', ${members('pg_opclass', 'c.oid')},
                          CASE WHEN c.opckeytype <> 0 THEN 'STORAGE ' || format_type(c.opckeytype, NULL)
                               WHEN ${members('pg_opclass', 'c.oid')} IS NULL THEN 'STORAGE ' || format_type(c.opcintype, NULL)
                          END))] AS statements,
           'OPERATOR CLASS ' || ${qualified('c.opcnamespace', 'c.opcname')} || ' USING ' || ${method('c.opcmethod')} AS target,
           pg_get_userbyid(c.opcowner) AS owner, true AS superuser,
           ARRAY['pg_opfamily ' || c.opcfamily] AS needs
      FROM pg_opclass c WHERE ${isUsers('c.opcnamespace', 'pg_opclass', 'c.oid')}`,
};

/** Functions, procedures, aggregates, operators and what indexes need of them. */
export const routineKinds: readonly PlainKind[] = [
  functions,
  aggregates,
  operators,
  families,
  classes,
  familyMembers,
];
