import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** What is measured, and what stands for other machines. The first core has most interrupts to answer, so it is not measured. */
export const CORES = { server: 1, others: 0 }

let canPin = availableParallelism() > 1
let hasPinned = false

/**
 * Keeps a process, with all of its threads, on one core, so that what is measured and what asks it neither take the same
 * one nor change it. Where `taskset` (Linux) is missing, or a second core, nothing happens.
 *
 * @param {number | undefined} pid
 * @param {number} core
 */
export function pin(pid, core) {
  if (!canPin || pid === undefined) return
  try {
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)], { stdio: 'ignore' })
    hasPinned = true
  } catch {
    // Once it has worked, the process is gone.
    if (!hasPinned) canPin = false
  }
}

/** From now on processes go where there is room. */
export function pinNothing() {
  canPin = false
}

/** Whether processes stay on their cores. */
export function isPinned() {
  return hasPinned
}
