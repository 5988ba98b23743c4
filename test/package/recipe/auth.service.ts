import { Injectable } from '@nestjs/common'
import { RegisterDto } from './auth.types'

@Injectable()
export class AuthService {
  private users = [{ id: 1, email: 'ann@example.com', name: 'Ann', role: 'user', password: 'correct horse' }]

  async register({ email, name, password }: RegisterDto) {
    const user = { id: this.users.length + 1, email, name, role: 'user', password }
    this.users.push(user)
    return { id: user.id, email, name }
  }

  async validateUser(email: string, password: string) {
    return this.users.find((user) => user.email === email && user.password === password)
  }

  async findUserById(id: number) {
    const user = this.users.find((each) => each.id === id)
    return user && { id, email: user.email, name: user.name }
  }
}
