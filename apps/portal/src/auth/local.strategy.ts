import { Inject, Injectable, UnauthorizedException } from '@nestjs/common'
import { PassportStrategy } from '@nestjs/passport'
import { Strategy } from 'passport-local'
import type { User } from '../users/user.entity.js'
import { AuthService } from './auth.service.js'

/** What `AuthGuard('local')` asks. */
@Injectable()
export class LocalStrategy extends PassportStrategy(Strategy) {
  constructor(@Inject(AuthService) private readonly authService: AuthService) {
    super({ usernameField: 'email', passReqToCallback: true })
  }

  async validate(request: { readonly body?: unknown }, email: unknown, password: unknown): Promise<User> {
    const user =
      typeof email === 'string' && typeof password === 'string' && isFromBody(request, password)
        ? await this.authService.findByCredentials(email, password)
        : undefined
    if (!user) throw new UnauthorizedException('The e-mail address or the password is wrong')
    return user
  }
}

/** passport-local also takes credentials from the URL, and URLs end up in logs. */
function isFromBody({ body }: { readonly body?: unknown }, password: string): boolean {
  return (body as { password?: unknown } | undefined)?.password === password
}
