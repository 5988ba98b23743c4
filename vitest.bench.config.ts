import { defineConfig } from 'vitest/config'

/** That the comparison with others runs, with few requests. It needs a build, and takes longer than all tests of a store. */
export default defineConfig({
  test: { include: ['test/benchmarks/smoke.test.ts'] },
})
