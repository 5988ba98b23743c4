import { Inject, Injectable } from '@nestjs/common'
import { ConfigService } from '@nestjs/config'
import { PassportStrategy } from '@nestjs/passport'
import { SessionService } from 'latchkey'
import { ExtractJwt, Strategy } from 'passport-jwt'
import { JWT, jwtSecret } from '../config/jwt.js'
import type { PortalConfig } from '../config/settings.js'
import { AuthService } from './auth.service.js'
import type { Claims } from './claims.js'
import type { SessionUser } from './session-data.js'

/** What `AuthGuard('jwt')` asks: a JWT is worth what the session is that it names. */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy) {
  constructor(
    @Inject(ConfigService) config: PortalConfig,
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(AuthService) private readonly authService: AuthService,
  ) {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      secretOrKey: jwtSecret(config),
      algorithms: [JWT.algorithm],
      issuer: JWT.issuer,
    })
  }

  /** One call of the store. A session that was ended, or whose user has signed in once more since, lets nobody in. */
  async validate({ sub, sid, auth_time }: Claims): Promise<SessionUser | false> {
    const session = await this.sessions.find(sub, sid)
    if (!session || session.authenticatedAt !== Math.round(auth_time * 1000)) return false
    const user = await this.authService.findUserById(Number(sub))
    return user ? { id: user.id, email: user.email, role: user.role } : false
  }
}
