/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: ['src/core/**/*.ts', 'src/http/**/*.ts'],
  testRunner: 'vitest',
  // Which files a test covers is found by running it, not by its imports: every test imports nearly everything.
  vitest: { configFile: 'vitest.mutation.config.ts', related: false },
  coverageAnalysis: 'perTest',
  concurrency: 1,
  // A machine that is busy must not look like a mutant that never ends.
  timeoutMS: 30_000,
  dryRunTimeoutMinutes: 10,
  ignorePatterns: [
    '.stryker-tmp',
    'apps',
    'benchmarks',
    'data',
    'dist',
    'docs',
    'reports',
    'test/nest-11',
    'test/package',
  ],
  incremental: true,
  incrementalFile: 'reports/mutation/incremental.json',
  reporters: ['progress-append-only', 'clear-text', 'html', 'json'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  htmlReporter: { fileName: 'reports/mutation/index.html' },
  jsonReporter: { fileName: 'reports/mutation/mutation.json' },
  thresholds: { high: 95, low: 85, break: 85 },
}
