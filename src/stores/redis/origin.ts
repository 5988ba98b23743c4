import type { SessionRecord } from '../../core/record.js'

/** Where the client of a record was when it signed in, and what it is. */
export type Origin = Pick<SessionRecord, 'ip' | 'device'>

/** An origin as it is stored: what is usual as a short code, the rest in full. */
export interface StoredOrigin extends Partial<Record<keyof Origin, string | undefined>> {
  /** 6 characters for an IPv4 address, then 2 for a device, of the alphabet of base64url. Empty where neither has a code. */
  readonly code: string
}

/*
 * Both lists are part of the stored form: a name may be added at the end, none may move. An older release reads a name that
 * it doesn't know as `undefined`.
 */

const BROWSERS =
  'Chrome|Firefox|Safari|Microsoft Edge|Opera|Samsung Internet for Android|Chromium|Brave|Vivaldi|Yandex Browser|' +
  'DuckDuckGo|UC Browser|Android Browser|Internet Explorer|LibreWolf|Electron|Google Search|WeChat|Vivo Browser|' +
  'HeyTap Browser|NAVER Whale Browser|Amazon Silk|QQ|Focus|Puffin|Maxthon|Epiphany|Sogou Browser|Pale Moon|Ladybird'
const SYSTEMS = 'Windows|Android|iOS|macOS|Linux|Chrome OS|HarmonyOS|Tizen|WebOS|Windows Phone|PlayStation 4|Roku'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const VALUES: readonly number[] = Array.from({ length: 128 }, (_, code) => {
  const value = LETTERS.indexOf(String.fromCharCode(code))
  return value < 0 ? NaN : value
})

/** How many characters the code of an address has. */
const ADDRESS = 6

/** The code of a `.`. */
const DOT = 46

/** No digit of a byte was read yet. */
const NONE = -1

const DEVICES: ReadonlyMap<string, string> = new Map(
  BROWSERS.split('|').flatMap((browser, one) =>
    SYSTEMS.split('|').map((system, two) => [LETTERS.charAt(one) + LETTERS.charAt(two), `${browser} on ${system}`]),
  ),
)
const CODES: ReadonlyMap<string, string> = new Map([...DEVICES].map(([code, device]) => [device, code]))

/** Where an origin goes: each part into the code or, where it has none, beside it. */
export function storedOrigin({ ip, device }: Origin): StoredOrigin {
  const address = ip === undefined ? undefined : addressCode(ip)
  const label = device === undefined ? undefined : CODES.get(device)
  return {
    code: (address ?? '') + (label ?? ''),
    ip: address === undefined ? ip : undefined,
    device: label === undefined ? device : undefined,
  }
}

/** What a code says. What it does not say, or says in a way that isn't known here, is `undefined`. */
export function originIn(code: string): Origin {
  return {
    ip: code.length < ADDRESS ? undefined : addressIn(code),
    device: code.length % ADDRESS === 2 ? DEVICES.get(code.slice(-2)) : undefined,
  }
}

/** The code of an IPv4 address as it is usually written, without leading zeros: what comes back has to be the same text. */
function addressCode(ip: string): string | undefined {
  if (ip.length > 15) return undefined
  let [bits, count, byte] = [0, 0, NONE]
  for (let at = 0; at <= ip.length; at++) {
    const code = at < ip.length ? ip.charCodeAt(at) : DOT
    if (code >= 48 && code <= 57 && byte !== 0) {
      byte = byte === NONE ? code - 48 : byte * 10 + code - 48
    } else {
      if (code !== DOT || byte === NONE || byte > 255) return undefined
      bits = (bits << 8) | byte
      byte = NONE
      count++
    }
  }
  if (count !== 4) return undefined
  let text = ''
  for (let shift = 30; shift >= 0; shift -= 6) text += LETTERS.charAt((bits >>> shift) & 63)
  return text
}

function addressIn(code: string): string | undefined {
  let bits = 0
  for (let at = 0; at < ADDRESS; at++) bits = bits * 64 + (VALUES[code.charCodeAt(at)] ?? NaN)
  if (!(bits < 2 ** 32)) return undefined
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`
}
