import { randomBytes } from 'node:crypto'
import { Injectable, type OnModuleInit } from '@nestjs/common'
import { hash, verify } from '@node-rs/argon2'

/** Passwords by argon2id, with the package's defaults: 19 MiB, two passes, one lane, as OWASP advises. */
@Injectable()
export class PasswordService implements OnModuleInit {
  /** A hash that no password fits. */
  #nobodys = ''

  async onModuleInit(): Promise<void> {
    this.#nobodys = await hash(randomBytes(32))
  }

  hash(password: string): Promise<string> {
    return hash(normalised(password))
  }

  /** Whether the password made this hash. Without a hash it works as long, and says no. */
  async verify(passwordHash: string | undefined, password: string): Promise<boolean> {
    const fits = await verify(passwordHash ?? this.#nobodys, normalised(password))
    return fits && passwordHash !== undefined
  }
}

/** Keyboards differ in how they write the same letter (NIST SP 800-63B, section 3.1.1.2). */
function normalised(password: string): string {
  return password.normalize('NFKC')
}
