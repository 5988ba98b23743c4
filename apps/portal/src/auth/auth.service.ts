import { BadRequestException, ConflictException, Inject, Injectable, UnauthorizedException } from '@nestjs/common'
import { isEmail } from 'class-validator'
import { SessionService, type LoginOptions, type Session } from 'latchkey'
import { normaliseEmail, publicUser, type PublicUser, type User } from '../users/user.entity.js'
import { UsersService } from '../users/users.service.js'
import type { ChangePasswordDto } from './change-password.dto.js'
import { PasswordService } from './password.service.js'
import type { RegisterDto } from './register.dto.js'

@Injectable()
export class AuthService {
  constructor(
    @Inject(UsersService) private readonly users: UsersService,
    @Inject(PasswordService) private readonly passwords: PasswordService,
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  /** @throws ConflictException if the address is taken */
  async register({ email, name, password }: RegisterDto): Promise<PublicUser> {
    const passwordHash = await this.passwords.hash(password)
    return publicUser(await this.users.create({ email, name, passwordHash }))
  }

  /** Whose credentials these are. An unknown address takes as long as a wrong password, and gets the same answer. */
  async findByCredentials(email: string, password: string): Promise<User | undefined> {
    // Not everything that is no address is a text that a database takes.
    const user = isEmail(normaliseEmail(email)) ? await this.users.findByEmail(email) : undefined
    const fits = await this.passwords.verify(user?.passwordHash, password)
    return user && fits ? user : undefined
  }

  async findUserById(id: number): Promise<PublicUser | undefined> {
    const user = await this.users.findById(id)
    return user && publicUser(user)
  }

  /**
   * Signs in whom {@link findByCredentials} found, on the session of this request.
   *
   * @throws UnauthorizedException if the password was changed while this sign-in was under way: the change ended the
   *   sessions that it met, and this one was not there yet.
   */
  async signIn(request: object, user: User, options: LoginOptions): Promise<void> {
    await this.sessions.login(request, user, options)
    try {
      const { passwordHash } = (await this.users.findById(user.id)) ?? {}
      if (passwordHash !== user.passwordHash) throw new UnauthorizedException('The password was changed meanwhile')
    } catch (error) {
      await this.sessions.logout(request)
      throw error
    }
  }

  /**
   * Gives the user of this session a new password, and ends all other sessions of the user; answers how many. This one gets a
   * new id, so that a copy of its cookie is worth nothing either.
   *
   * @throws BadRequestException if a current password is given and is not the one
   * @throws ConflictException if another change of the password came first
   */
  async changePassword(request: object, session: Session, change: ChangePasswordDto): Promise<number> {
    const user = await this.users.findById(session.userId!)
    if (!user) throw new UnauthorizedException('Session not found')
    const { currentPassword, newPassword } = change
    if (currentPassword !== undefined && !(await this.passwords.verify(user.passwordHash, currentPassword))) {
      throw new BadRequestException('The current password is wrong')
    }
    const passwordHash = await this.passwords.hash(newPassword)
    // Before the change: a session that was ended meanwhile changes nothing.
    await this.sessions.login(request, user)
    if (!(await this.users.changePassword(user, passwordHash))) {
      throw new ConflictException('The password was changed meanwhile')
    }
    return this.sessions.revokeOthers(session)
  }
}
