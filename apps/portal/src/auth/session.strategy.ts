import { Injectable } from '@nestjs/common'
import { PassportStrategy } from '@nestjs/passport'
import { SessionStrategy, type StrategySession } from 'latchkey/passport'

/** What `AuthGuard('session')` asks. */
@Injectable()
export class FromSessionStrategy extends PassportStrategy(SessionStrategy) {
  validate({ userId, email, role }: StrategySession): object {
    return { id: userId, email, role }
  }
}
