import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Tests that start the portal as a process of its own need it built. `npm test` has built the library before. */
export default function build(): void {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const { status, stdout, stderr } = spawnSync('npm', ['run', 'build'], { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`The portal could not be built:\n${stdout}${stderr}`)
}
