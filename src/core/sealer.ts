import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
const NONCE_LENGTH = 12
const TAG_LENGTH = 16

/**
 * Seals texts that a store keeps, so that nobody reads them there: only who has the secrets of the application can open
 * them. The first secret seals, all open.
 */
export class Sealer {
  readonly #keys: readonly Buffer[]

  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map((secret) => createHmac('sha256', secret).update('latchkey:seal:1').digest())
  }

  seal(text: string): string {
    const nonce = randomBytes(NONCE_LENGTH)
    const cipher = createCipheriv(ALGORITHM, this.#keys[0]!, nonce)
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
  }

  /** What {@link seal} was given; `undefined` for anything that none of the secrets has sealed. */
  open(sealed: string): string | undefined {
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.length < NONCE_LENGTH + TAG_LENGTH) return undefined
    const [nonce, rest] = [bytes.subarray(0, NONCE_LENGTH), bytes.subarray(NONCE_LENGTH)]
    for (const key of this.#keys) {
      const decipher = createDecipheriv(ALGORITHM, key, nonce).setAuthTag(rest.subarray(0, TAG_LENGTH))
      try {
        return decipher.update(rest.subarray(TAG_LENGTH), undefined, 'utf8') + decipher.final('utf8')
      } catch {
        // Sealed with another secret.
      }
    }
    return undefined
  }
}
