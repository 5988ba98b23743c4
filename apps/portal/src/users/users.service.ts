import { ConflictException, Injectable } from '@nestjs/common'
import { InjectRepository } from '@nestjs/typeorm'
import { QueryFailedError, type Repository } from 'typeorm'
import { normaliseEmail, User } from './user.entity.js'

export type NewUser = Pick<User, 'email' | 'name' | 'passwordHash'>

@Injectable()
export class UsersService {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  /**
   * Stores a user.
   *
   * @throws ConflictException if the address is taken. The database's own unique index says so: of two registrations at
   *   once, one wins.
   */
  async create(newUser: NewUser): Promise<User> {
    const user = this.users.create({ ...newUser, email: normaliseEmail(newUser.email) })
    try {
      await this.users.insert(user)
    } catch (error) {
      if (isDuplicate(error))
        throw new ConflictException('There is an account with this e-mail address already', { cause: error })
      throw error
    }
    return this.users.findOneByOrFail({ id: user.id })
  }

  /**
   * Puts another hash in the place of the one that this user was read with. `false` if that is not there any more, because
   * another change came first or the user is gone: of two changes at once, one wins.
   */
  async changePassword({ id, passwordHash }: User, newHash: string): Promise<boolean> {
    const { affected } = await this.users.update({ id, passwordHash }, { passwordHash: newHash })
    return affected === 1
  }

  async findById(id: number): Promise<User | undefined> {
    return (await this.users.findOneBy({ id })) ?? undefined
  }

  async findByEmail(email: string): Promise<User | undefined> {
    return (await this.users.findOneBy({ email: normaliseEmail(email) })) ?? undefined
  }
}

/** SQLite's and PostgreSQL's codes for a broken unique constraint. */
function isDuplicate(error: unknown): boolean {
  if (!(error instanceof QueryFailedError)) return false
  const { code } = error.driverError as { code?: unknown }
  return code === 'SQLITE_CONSTRAINT_UNIQUE' || code === '23505'
}
