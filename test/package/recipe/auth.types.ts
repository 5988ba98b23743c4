export class RegisterDto {
  email!: string
  name!: string
  password!: string
}

export interface SessionRequest {
  user: { id: number; email: string; name: string; role: string }
}
