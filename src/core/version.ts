/** Of Restore Point, as package.json has it (a unit test compares them). Written into every manifest. */
export const version = '0.1.0';
