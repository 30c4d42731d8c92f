/**
 * Run through `npm test`, or a part of it with `node --experimental-vm-modules node_modules/jest/bin/jest.js <pattern>`,
 * with `--selectProjects unit` or `integration` if wanted. Servers start only when a test of `integration` is among those that run.
 */
const shared = {
  testEnvironment: '<rootDir>/testing/jest-environment.mjs',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, sourceMaps: 'inline' }] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/\\.anneal/', '<rootDir>/\\.venv/', '<rootDir>/build/'],
};

export default {
  // Jest takes this from the top only. It ends what hangs; on a machine that others use, nothing shorter tells that from what is slow.
  testTimeout: 300_000,
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '\\.integration\\.test\\.ts$', '\\.e2e\\.test\\.ts$'],
    },
    {
      ...shared,
      displayName: 'integration',
      testMatch: ['**/*.integration.test.ts', '**/e2e/**/*.e2e.test.ts'],
      globalSetup: '<rootDir>/testing/global-setup.mjs',
      globalTeardown: '<rootDir>/testing/global-teardown.mjs',
    },
  ],
};
