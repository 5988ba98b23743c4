import { createHmac, timingSafeEqual } from 'node:crypto'
import { Hmac } from './hmac.js'
import { ID_LENGTH } from './id.js'

const SIGNATURE_LENGTH = 43

/** A token is an id, a dot, and an HMAC-SHA256 of the id in 43 characters, base64url. */
export const TOKEN_LENGTH = ID_LENGTH + 1 + SIGNATURE_LENGTH

/** Signs ids and checks tokens with a list of secrets: the first signs, all verify. */
export class TokenSigner {
  readonly #keys: readonly Hmac[]

  constructor(secrets: readonly string[]) {
    // A key of its own per purpose: what else an app signs with the same secret is no token.
    this.#keys = secrets.map((secret) => new Hmac(createHmac('sha256', secret).update('latchkey:token:1').digest()))
  }

  /** The token of an id, signed with the first secret. */
  sign(id: string): string {
    return `${id}.${this.#keys[0]!.base64url(id)}`
  }

  /**
   * Which of the secrets signed this token: 0 for the one in use, more for an older one, -1 for none. A text of another
   * shape is -1 without any hashing. Takes the same time wherever a signature differs.
   */
  check(token: string): number {
    if (!isTokenShaped(token)) return -1
    const id = token.slice(0, ID_LENGTH)
    // Of more bytes than characters is nothing of ours.
    if (ROOM.write(token.slice(ID_LENGTH + 1)) !== SIGNATURE_LENGTH) return -1
    for (let index = 0; index < this.#keys.length; index++) {
      EXPECTED.write(this.#keys[index]!.base64url(id), 'latin1')
      if (timingSafeEqual(GIVEN, EXPECTED)) return index
    }
    return -1
  }
}

/** Why {@link TokenSigner.check} refused a token: for its form, or for its signature. */
export function refusalOf(token: string): 'malformed' | 'signature' {
  return isTokenShaped(token) && Buffer.byteLength(token) === TOKEN_LENGTH ? 'signature' : 'malformed'
}

/** Whether a text has the outer form of a token. Says nothing about its signature. */
export function isTokenShaped(text: string): boolean {
  return text.length === TOKEN_LENGTH && text.charCodeAt(ID_LENGTH) === 0x2e
}

/** The id inside of a token. Says nothing about its signature. */
export function idOf(token: string): string {
  return token.slice(0, ID_LENGTH)
}

/** Where signatures are compared, one at a time. There is room for what is longer in bytes than it should be. */
const ROOM = Buffer.alloc(SIGNATURE_LENGTH + 16)
const GIVEN = ROOM.subarray(0, SIGNATURE_LENGTH)
const EXPECTED = Buffer.alloc(SIGNATURE_LENGTH)
