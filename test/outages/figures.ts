import { appendFileSync } from 'node:fs'

/** Keeps what was measured, one JSON text a line, in the file that `OUTAGE_FIGURES` names; nowhere if it names none. */
export function keepFigures(name: string, figures: Readonly<Record<string, number>>): void {
  const path = process.env['OUTAGE_FIGURES']
  if (path === undefined || path === '') return
  const rounded = Object.entries(figures).map(([key, value]) => [key, Math.round(value * 10) / 10] as const)
  appendFileSync(path, `${JSON.stringify({ name, ...Object.fromEntries(rounded) })}\n`)
}
