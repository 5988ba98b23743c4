import fc from 'fast-check'
import { afterEach, inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** By Stryker, which says nothing of it in types; all are missing where Vitest runs without it. */
    readonly globalNamespace?: string
    readonly mutantActivation?: 'static' | 'runtime'
    readonly activeMutant?: string
  }
}

interface Thread {
  readonly __vitest_worker__: {
    readonly evaluatedModules: {
      readonly idToModuleMap: Map<string, { promise?: unknown; exports?: unknown; evaluated: boolean }>
    }
  }
  /** The mutant with which the library was loaded, if it was one of code that runs as it is loaded. */
  loadedWith?: string | undefined
  /** The mutant that a test has noticed last. */
  noticed?: string | undefined
  [namespace: string]: unknown
}

const thread = globalThis as unknown as Thread

// One test that fails is enough, but Vitest would still load the files that are left.
const active = inject('activeMutant')
if (active !== undefined) {
  if (thread.noticed === active) throw new Error('Noticed already.')
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') thread.noticed = active
  })
}

const mutant = inject('mutantActivation') === 'static' ? active : undefined
if (mutant === undefined) {
  const stryker = thread[inject('globalNamespace') ?? ''] as { activeMutant?: string | undefined } | undefined
  if (stryker) stryker.activeMutant = undefined
}

// Files share a thread. Each gets the modules of the tests anew, which declare hooks; the library stays while it may.
const anew = mutant === thread.loadedWith ? /\/test\/(?!mutation\/)/ : /\/(?:test|src)\/(?!mutation\/)/
thread.loadedWith = mutant
for (const [path, module] of thread.__vitest_worker__.evaluatedModules.idToModuleMap) {
  if (anew.test(path)) Object.assign(module, { promise: undefined, exports: undefined, evaluated: false })
}

// A mutant that lives or dies by the run's luck teaches nothing.
fc.configureGlobal({ numRuns: 50, seed: 20261125 })
