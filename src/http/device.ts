import Bowser from 'bowser'

/** A longer User-Agent is nobody's browser, and costs time to look at. */
const MAX_LENGTH = 512

const MAX_NAME = 40

/** A short label of a client, such as `Firefox on Linux`; `undefined` where its User-Agent says nothing that is known. */
export function deviceLabel(userAgent: string | undefined): string | undefined {
  if (userAgent === undefined || userAgent === '' || userAgent.length > MAX_LENGTH) return undefined
  const { browser, os } = Bowser.parse(userAgent)
  // Of a client that it doesn't know, bowser takes the name as it stands there.
  const name = browser.name?.slice(0, MAX_NAME)
  if (!name) return os.name
  return os.name ? `${name} on ${os.name}` : name
}
