/** Run through `npm test`, or a part of it with `node --experimental-vm-modules node_modules/jest/bin/jest.js <pattern>`. */
export default {
  testEnvironment: '<rootDir>/testing/jest-environment.mjs',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, sourceMaps: 'inline' }] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/\\.anneal/', '<rootDir>/\\.venv/', '<rootDir>/build/'],
  testMatch: ['**/*.test.ts'],
  testTimeout: 30_000,
};
