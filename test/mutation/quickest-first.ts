import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The first test that fails ends the run of a mutant: so those that need no sockets come first, and the slowest file last. */
export class QuickestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => ORDER.findIndex((part) => part.test(moduleId))
    return Promise.resolve(files.toSorted((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1)))
  }
}

const ORDER = [/\/test\/core\//, /\/test\/acceptance\//, /\/test\/(?!http\/head)/, /./]
