import { chromium, type Browser } from 'playwright-core'
import { findCommand } from './commands.js'
import { adapters, isThorough } from './portal.js'

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * Where a browser looks at the pages. They are the same files on both adapters, and so is what answers them: that the other
 * tests show on both, without a browser.
 */
export const browsedAdapters = isThorough ? adapters : (['fastify'] as const)

/**
 * The browser at `CHROMIUM`, or on the PATH. Each of its contexts is a browser that was never used before.
 *
 * @param hosts - names that lead to this machine, such as `*.test`
 */
export function startChromium(hosts?: string): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] || findCommand(['chromium', 'chromium-browser', 'google-chrome'])
  const rules = hosts === undefined ? [] : [`--host-resolver-rules=MAP ${hosts} 127.0.0.1`]
  return chromium.launch({ executablePath, args: [...ARGS, ...rules] })
}
