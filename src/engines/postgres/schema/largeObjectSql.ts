/** How much of a large object travels at a time: few enough bytes to bound memory, enough to cost little. */
export const pieceBytes = 256 * 1024;

/** Flags of `lo_open`, as the server's libpq-fs.h has them. */
const mode = { read: 0x40000, write: 0x20000 };

/** SQL: whether the user has a right on the large object with this row of pg_largeobject_metadata. */
const mayUse = (object: string, right: 'SELECT' | 'UPDATE'): string => `(
  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
  OR current_setting('lo_compat_privileges')::boolean
  OR EXISTS (SELECT FROM aclexplode(coalesce(${object}.lomacl, acldefault('L', ${object}.lomowner))) x
              WHERE x.privilege_type = '${right}' AND (x.grantee = 0 OR pg_has_role(x.grantee, 'USAGE'))))`;

const isReadable = mayUse('m', 'SELECT');

export const countQuery = `SELECT count(*) AS count FROM pg_largeobject_metadata m WHERE ${isReadable}`;

const fewNames = 20;

/** The large objects that this user may not read: the first ones by number, then how many more there are. */
export const unreadableQuery = `
  WITH hidden AS MATERIALIZED (SELECT m.oid FROM pg_largeobject_metadata m WHERE NOT ${isReadable})
  (SELECT oid::text AS name FROM hidden ORDER BY oid LIMIT ${fewNames})
   UNION ALL
  SELECT format('and %s more', count(*) - ${fewNames}) FROM hidden HAVING count(*) > ${fewNames}`;

/** Rights that were never touched are NULL; those that were all taken away are an empty list. */
export const objectsQuery = `
  SELECT m.oid, pg_get_userbyid(m.lomowner) AS owner,
         CASE WHEN m.lomacl IS NOT NULL THEN coalesce(
           (SELECT json_agg(json_build_object('grantor', pg_get_userbyid(x.grantor),
                              'grantee', CASE WHEN x.grantee <> 0 THEN pg_get_userbyid(x.grantee) END,
                              'privilege', x.privilege_type, 'grantable', x.is_grantable))
              FROM aclexplode(m.lomacl) x), '[]') END AS rights,
         obj_description(m.oid, 'pg_largeobject') AS comment
    FROM pg_largeobject_metadata m WHERE ${isReadable} ORDER BY m.oid`;

export const rolesQuery = `
  WITH object AS MATERIALIZED (SELECT m.lomowner, m.lomacl FROM pg_largeobject_metadata m WHERE ${isReadable}),
       given AS MATERIALIZED (
         SELECT DISTINCT o.lomowner, x.grantor, x.grantee FROM object o, aclexplode(o.lomacl) x)
  SELECT coalesce((SELECT json_agg(DISTINCT pg_get_userbyid(lomowner)) FROM object), '[]') AS owners,
         coalesce((SELECT json_agg(DISTINCT pg_get_userbyid(grantee)) FROM given WHERE grantee <> 0), '[]') AS grantees,
         coalesce((SELECT json_agg(DISTINCT pg_get_userbyid(grantor)) FROM given WHERE grantor <> lomowner), '[]')
           AS grantors`;

/**
 * SQL: the pieces of the large objects whose numbers a relation has. Each is opened and closed to learn its length:
 * pg_largeobject itself is the superuser's.
 */
export function piecesQuery(objects: string): string {
  return `
  SELECT o.oid, p.place, lo_get(o.oid, p.place, ${pieceBytes}) AS bytes
    FROM ${objects} o
   CROSS JOIN LATERAL (
     SELECT sized.length
       FROM (SELECT opened.fd, lo_lseek64(opened.fd, 0, 2) AS length
               FROM (SELECT lo_open(o.oid, ${mode.read}) AS fd OFFSET 0) opened OFFSET 0) sized
      WHERE lo_close(sized.fd) = 0 OFFSET 0) whole
   CROSS JOIN LATERAL generate_series(0, whole.length - 1, ${pieceBytes}) p (place)`;
}

export const readablePiecesQuery = piecesQuery(
  `(SELECT m.oid FROM pg_largeobject_metadata m WHERE ${isReadable} ORDER BY m.oid)`,
);

/** The temporary tables of a restore: for the descriptions of large objects, and for some of their pieces at a time. */
export const staged = {
  objects: 'pg_temp.restore_point_large_objects',
  pieces: 'pg_temp.restore_point_large_object_pieces',
} as const;

export const createStaged = `
  CREATE TEMPORARY TABLE restore_point_large_objects (
    oid oid PRIMARY KEY, owner text NOT NULL, rights json, comment text, made boolean) ON COMMIT DROP;
  CREATE TEMPORARY TABLE restore_point_large_object_pieces (oid oid, place bigint, bytes bytea) ON COMMIT DROP`;

export const markMissing = `
  UPDATE ${staged.objects} o SET made = NOT EXISTS (SELECT FROM pg_largeobject_metadata m WHERE m.oid = o.oid)`;

/** The existing large objects that this user may not write, or not read back. */
export const lockedQuery = `
  SELECT o.oid::text AS name
    FROM ${staged.objects} o JOIN pg_largeobject_metadata m ON m.oid = o.oid
   WHERE NOT (${mayUse('m', 'UPDATE')} AND ${mayUse('m', 'SELECT')}) ORDER BY o.oid LIMIT ${fewNames}`;

export const makeMissing = `SELECT count(lo_create(oid)) FROM ${staged.objects} WHERE made`;

/** There is no function that shortens one by its number. */
export const emptyExisting = `
  SELECT count(lo_close(emptied.fd))
    FROM (SELECT opened.fd, lo_truncate(opened.fd, 0) AS done
            FROM (SELECT lo_open(oid, ${mode.write}) AS fd FROM ${staged.objects} WHERE NOT made OFFSET 0) opened
          OFFSET 0) emptied
   WHERE emptied.done = 0`;

/** SQL: the objects of the staged pieces, where the first and the last piece of each begins, and how many there are. */
export const runsQuery = `
  SELECT oid::text AS oid, min(place) AS first, max(place) AS last, count(*) AS pieces FROM ${staged.pieces} GROUP BY oid`;

/** SQL: of the staged objects and pieces those that are written. */
export const written = (overwrite: boolean): string =>
  `(SELECT oid FROM ${staged.objects}${overwrite ? '' : ' WHERE made'})`;

export const writtenPieces = (overwrite: boolean): string =>
  `SELECT p.oid, p.place, p.bytes FROM ${staged.pieces} p JOIN ${written(overwrite)} o ON o.oid = p.oid`;

/** Made ones that have to be given something else than they got when they were made; a page of them. */
export const unlikeNewQuery = `
  SELECT oid::text AS oid, owner, rights, comment
    FROM ${staged.objects}
   WHERE made AND oid::bigint > $1::bigint AND (owner <> current_user OR rights IS NOT NULL OR comment IS NOT NULL)
   ORDER BY oid LIMIT 500`;
