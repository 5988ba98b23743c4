import { Controller, Header, HttpCode, HttpStatus, Inject, Post, Session, UseGuards } from '@nestjs/common'
import { JwtService } from '@nestjs/jwt'
import { CurrentUser, SessionAuthGuard, type Session as UserSession } from 'latchkey'
import { JWT_LIFETIME } from '../config/jwt.js'
import type { Claims } from './claims.js'

/** Gives who is signed in a JWT, for a service that takes one instead of the session. */
@Controller('auth/token')
@UseGuards(SessionAuthGuard)
export class TokenController {
  constructor(@Inject(JwtService) private readonly jwt: JwtService) {}

  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @Post()
  async issue(@CurrentUser('id') userId: number, @Session() session: UserSession): Promise<object> {
    const { handle, authenticatedAt = 0 } = session
    const claims: Claims = { sub: String(userId), sid: handle, auth_time: authenticatedAt / 1000 }
    return { token: await this.jwt.signAsync(claims), expiresIn: JWT_LIFETIME }
  }
}
