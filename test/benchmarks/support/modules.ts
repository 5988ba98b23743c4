/** What is used of the modules that the comparison is made of. They are no part of the library, and have no types. */
export interface Exports {
  readonly variants: readonly { readonly name: string }[]
  check(variant: object, settings: object): Promise<void>
  startChild(module: string): Promise<Child>
  startServer(): Promise<{ readonly port: number; stop(): Promise<void> }>
  readonly RespCounter: new () => { readonly commands: number; take(chunk: Buffer): void }
  goalsOf(measured: object): readonly { readonly measured: number; readonly isMet?: boolean }[]
  summarize(measured: object, variants: readonly object[]): Readonly<Record<string, { readonly read: Cost }>>
  scaleRatio(measured: object): number
  errorsOf(summary: object, variants: readonly object[]): Readonly<Record<string, number>>
  lossesOf(measured: object): readonly unknown[]
}

interface Cost {
  readonly cost: number
  readonly processor: number
}

interface Child {
  ask(name: string, question?: object): Promise<unknown>
  stop(): Promise<void>
}

export function load(name: string): Promise<Exports> {
  return loadFile(`compare/${name}`)
}

export async function loadFile(name: string): Promise<Exports> {
  return (await import(new URL(`../../../benchmarks/${name}.mjs`, import.meta.url).href)) as Exports
}
