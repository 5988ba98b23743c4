import { vi } from 'vitest'

// Run before each file of tests, see vitest.config.ts. Files share a process, in which packages stay loaded. The library and the
// helpers of the tests are loaded anew, with what they keep and the hooks that they declare; and what a file may have
// replaced is as it was.
vi.resetModules()
vi.useRealTimers()
vi.unstubAllEnvs()
vi.unstubAllGlobals()
