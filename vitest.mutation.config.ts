import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'
import { keepThread } from './test/mutation/kept-thread.js'
import { QuickestFirst } from './test/mutation/quickest-first.js'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/**
 * The tests that `npm run test:mutation` asks about each mutant: those that answer quickly and always the same. What needs
 * a server, a second process or Nest is left out, and tests that loop over the stores get the memory store alone.
 */
export default defineConfig({
  plugins: [keepThread],
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: [
      { find: /^latchkey$/, replacement: here('./src/index.ts') },
      { find: /^latchkey\/core$/, replacement: here('./src/core/index.ts') },
      { find: /^latchkey\/opentelemetry$/, replacement: here('./src/observe/opentelemetry.ts') },
      { find: /^latchkey\/testing$/, replacement: here('./src/testing/index.ts') },
      { find: /^latchkey\/passport$/, replacement: here('./src/passport/session-strategy.ts') },
      { find: /^latchkey\/express-session$/, replacement: here('./src/express-session/index.ts') },
      { find: /^latchkey\/(express|fastify)$/, replacement: here('./src/http/$1.ts') },
      {
        find: /^latchkey\/stores\/(memory|sqlite|redis|express|cache-manager)$/,
        replacement: here('./src/stores/$1.ts'),
      },
    ],
  },
  test: {
    testTimeout: 10_000,
    include: [
      'test/{acceptance,core,hostile,http,observability}/**/*.test.ts',
      'test/outages/{clock,policy,stop}.test.ts',
      'test/stores/memory.test.ts',
    ],
    exclude: [
      ...configDefaults.exclude,
      // With Nest.
      'test/acceptance/{recipe,service}.test.ts',
      // With a Redis server or a SQLite file.
      'test/acceptance/{redis-stops,round-trips,store-failure}.test.ts',
      'test/observability/swept.test.ts',
      // These take seconds, replace what the thread has loaded, or look at the tests themselves.
      'test/hostile/{floods,headers,signature-timing,stolen-store,told}.test.ts',
    ],
    env: { STORES: 'memory' },
    isolate: false,
    sequence: { sequencer: QuickestFirst },
    setupFiles: ['test/mutation/set-up.ts'],
  },
})
