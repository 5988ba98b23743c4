import { chromium, type Browser } from 'playwright-core'
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

/** The browser at `CHROMIUM`, or on the PATH. Each of its contexts is a browser that was never used before. */
export function startChromium(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] || findCommand(['chromium', 'chromium-browser', 'google-chrome'])
  return chromium.launch({ executablePath, args: ARGS })
}
