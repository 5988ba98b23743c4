import { chromium, type BrowserContext, type BrowserContextOptions } from 'playwright-core'
import { findCommand } from './commands.js'

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The browser at `CHROMIUM`, or on the PATH, with a profile of its own that is empty. */
export function startChromium(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const executablePath = process.env['CHROMIUM'] || findCommand(['chromium', 'chromium-browser', 'google-chrome'])
  return chromium.launchPersistentContext('', { ...options, executablePath, args: ARGS })
}
