import { defineConfig } from 'vitest/config'

/** The tests of what is published: they need a build, and see the package only as its users do. */
export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    globalSetup: ['test/package/support/consumers.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
