import { Inject, Injectable } from '@nestjs/common'
import { isEmail } from 'class-validator'
import { normaliseEmail, publicUser, type PublicUser } from '../users/user.entity.js'
import { UsersService } from '../users/users.service.js'
import { PasswordService } from './password.service.js'
import type { RegisterDto } from './register.dto.js'

@Injectable()
export class AuthService {
  constructor(
    @Inject(UsersService) private readonly users: UsersService,
    @Inject(PasswordService) private readonly passwords: PasswordService,
  ) {}

  /** @throws ConflictException if the address is taken */
  async register({ email, name, password }: RegisterDto): Promise<PublicUser> {
    const passwordHash = await this.passwords.hash(password)
    return publicUser(await this.users.create({ email, name, passwordHash }))
  }

  /** Whose credentials these are. An unknown address takes as long as a wrong password, and gets the same answer. */
  async findByCredentials(email: string, password: string): Promise<PublicUser | undefined> {
    // Not everything that is no address is a text that a database takes.
    const user = isEmail(normaliseEmail(email)) ? await this.users.findByEmail(email) : undefined
    const fits = await this.passwords.verify(user?.passwordHash, password)
    return user && fits ? publicUser(user) : undefined
  }

  async findUserById(id: number): Promise<PublicUser | undefined> {
    const user = await this.users.findById(id)
    return user && publicUser(user)
  }
}
