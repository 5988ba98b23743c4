import { test } from 'vitest'
import { MemoryStore } from '../../src/stores/memory.js'
import { storeConformance } from '../../src/testing/conformance.js'
storeConformance({ test, open: (clock) => new MemoryStore({ clock }) })
