import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bars } from './bars.mjs'
import { addedLatency, errorsOf, pacesOf, summarize } from './figures.mjs'
import { goalsOf } from './goals.mjs'
import { lossesOf } from './losses.mjs'
import { markdown } from './markdown.mjs'

/** Says what the measurements mean, prints it, and keeps it in a folder with all of them. */
export function write(folder, measured) {
  const { variants, figures, delayed } = measured
  const summary = summarize(figures, variants)
  const drawn = {
    ...measured,
    summary,
    errors: errorsOf(summary, variants),
    paces: pacesOf(figures, variants),
    added: addedLatency(delayed, variants),
  }
  const result = { ...drawn, goals: goalsOf(drawn), losses: lossesOf(drawn) }
  const text = markdown(result)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'comparison.json'), `${JSON.stringify(result, undefined, 1)}\n`)
  writeFileSync(join(folder, 'comparison.md'), text)
  writeFileSync(join(folder, 'comparison.svg'), bars(result.summary, variants))
  console.log(text)
}
