/** SQL: a constraint calls a function, or uses an operator with one, that is written in a language for queries. */
export const callsUsersCode = (constraint: string): string =>
  `EXISTS (SELECT FROM pg_depend d
             LEFT JOIN pg_operator o ON d.refclassid = 'pg_operator'::regclass AND o.oid = d.refobjid
             JOIN pg_proc f ON f.oid = CASE WHEN d.refclassid = 'pg_proc'::regclass THEN d.refobjid ELSE o.oprcode END
             JOIN pg_language l ON l.oid = f.prolang AND l.lanname NOT IN ('internal', 'c')
            WHERE d.classid = 'pg_constraint'::regclass AND d.objid = ${constraint})`;
