import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm'

@Entity('users')
export class User {
  @PrimaryGeneratedColumn()
  id!: number

  /** As {@link normaliseEmail} makes it, so that the unique index does not care about capitals. */
  @Column({ type: 'text', unique: true })
  email!: string

  @Column({ type: 'text' })
  name!: string

  @Column({ type: 'text', default: 'user' })
  role!: string

  @Column({ type: 'text', name: 'password_hash' })
  passwordHash!: string
}

/** What may leave the server of a user. */
export interface PublicUser {
  readonly id: number
  readonly email: string
  readonly name: string
  readonly role: string
}

export function publicUser({ id, email, name, role }: User): PublicUser {
  return { id, email, name, role }
}

/** One form for all spellings of an address that people take for the same. */
export function normaliseEmail(email: string): string {
  return email.toWellFormed().trim().normalize('NFC').toLowerCase()
}
