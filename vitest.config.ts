import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { ProjectByProject } from './test/support/project-by-project.js'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Tests import the library by its public names and get the sources. */
const latchkey = [
  { find: /^latchkey$/, replacement: here('./src/index.ts') },
  { find: /^latchkey\/core$/, replacement: here('./src/core/index.ts') },
  { find: /^latchkey\/testing$/, replacement: here('./src/testing/index.ts') },
  { find: /^latchkey\/opentelemetry$/, replacement: here('./src/observe/opentelemetry.ts') },
  { find: /^latchkey\/passport$/, replacement: here('./src/passport/session-strategy.ts') },
  { find: /^latchkey\/express-session$/, replacement: here('./src/express-session/index.ts') },
  { find: /^latchkey\/(express|fastify)$/, replacement: here('./src/http/$1.ts') },
  { find: /^latchkey\/stores\/(memory|sqlite|redis|express|cache-manager)$/, replacement: here('./src/stores/$1.ts') },
]

/** The same Nest tests, once more on Nest 11. */
const nest11 = { find: /^@nestjs\/(.*)$/, replacement: here('./test/nest-11/node_modules/@nestjs/$1') }

const oxc = { decorator: { legacy: true, emitDecoratorMetadata: true } }

/** What measures the process that it runs in. */
const measuring = ['test/hostile/{floods,signature-timing}.test.ts']

const setupFiles = ['test/support/load-anew.ts', 'test/support/watch-secrets.ts']

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // Most tests wait for servers, so one more than there are cores keeps those busy; by default one would be idle.
    maxWorkers: availableParallelism() + 1,
    // Files share a process, see test/support/load-anew.ts: to start one for each, and to load Nest in it, takes longer than
    // most files do.
    isolate: false,
    sequence: { sequencer: ProjectByProject },
    projects: [
      {
        extends: true,
        oxc,
        resolve: { alias: latchkey },
        test: {
          name: 'portal',
          include: ['apps/portal/test/**/*.test.ts'],
          globalSetup: ['apps/portal/test/support/build.ts'],
          setupFiles: ['test/support/load-anew.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        oxc,
        resolve: { alias: latchkey },
        test: {
          name: 'latchkey',
          include: ['test/**/*.test.ts'],
          exclude: ['test/package/**', 'test/benchmarks/smoke.test.ts', '**/node_modules/**', ...measuring],
          setupFiles,
        },
      },
      {
        extends: true,
        oxc,
        resolve: { alias: [...latchkey, nest11] },
        test: {
          name: 'nest-11',
          include: ['test/nest/**/*.test.ts'],
          setupFiles,
          env: { NEST_MAJOR: '11' },
        },
      },
      {
        extends: true,
        oxc,
        resolve: { alias: latchkey },
        test: { name: 'measuring', include: measuring, setupFiles, isolate: true },
      },
    ],
  },
})
