/** The version of Restore Point, as in package.json (a unit test compares them). Written into every manifest. */
export const version = '0.1.0';
