export interface User {
  readonly id: number
  readonly email: string
  readonly role: string
}

export const users: readonly User[] = [
  { id: 1, email: 'ann@example.com', role: 'editor' },
  { id: 2, email: 'bob@example.com', role: 'user' },
]
