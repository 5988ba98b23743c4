import { fileURLToPath } from 'node:url'
import { startChild, type Child } from './child.js'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** All that the portal reads. What is empty counts as not set, and keeps a developer's `.env` out of the tests. */
const NOTHING = {
  ADAPTER: '',
  DATABASE_URL: '',
  DATA_DIR: '',
  HOST: '127.0.0.1',
  NODE_ENV: '',
  PORT: '0',
  REDIS_URL: '',
  SESSION_SECRET: '',
  TRUST_PROXY: '',
}

/** `node dist/main.js`, as `npm start` runs it. */
export function startMain(environment: Readonly<Record<string, string>>): Child {
  const env = { PATH: process.env['PATH'], NO_COLOR: '1', ...NOTHING, ...environment }
  return startChild(process.execPath, [MAIN], { env })
}

/** The portal's process, listening. */
export async function startPortalProcess(
  environment: Readonly<Record<string, string>>,
): Promise<Child & { readonly port: number; readonly base: string }> {
  const child = startMain(environment)
  const [, port] = await child.says(/http:\/\/localhost:(\d+)/)
  return Object.assign(child, { port: Number(port), base: `http://127.0.0.1:${port}` })
}
