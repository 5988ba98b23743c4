import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** In the order of `vitest.config.ts`. A process is kept for as long as the next file is of the same project. */
export class ProjectByProject extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return this.ctx.projects.flatMap((project) => sorted.filter((file) => file.project === project))
  }
}
