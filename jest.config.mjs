/** ESM on Node 20 needs NODE_OPTIONS=--experimental-vm-modules; the npm scripts pass it. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/test/support/transform.mjs' },
  // Jest would leave one core idle, which on two cores is half of them.
  maxWorkers: '100%',
  testTimeout: 120_000,
};
