import {
  Controller,
  Delete,
  Get,
  HttpCode,
  HttpStatus,
  Inject,
  NotFoundException,
  Param,
  Session,
  UseGuards,
} from '@nestjs/common'
import { CurrentUser, SessionAuthGuard, SessionService, type Session as UserSession } from 'latchkey'

/** The sessions of whoever is signed in. */
@Controller('auth/sessions')
@UseGuards(SessionAuthGuard)
export class SessionsController {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async list(@CurrentUser('id') userId: number, @Session() session: UserSession): Promise<object> {
    return { sessions: await this.sessions.list(userId, session) }
  }

  /** Ends one of them. What it answers to the handle of somebody else's session is what it answers to nonsense. */
  @HttpCode(HttpStatus.NO_CONTENT)
  @Delete(':handle')
  async end(
    @Param('handle') handle: string,
    @CurrentUser('id') userId: number,
    @Session() session: UserSession,
  ): Promise<void> {
    if (handle === session.handle) return session.destroy()
    if (!(await this.sessions.revoke(userId, handle))) throw new NotFoundException('You have no such session')
  }

  @Delete()
  async endOthers(@Session() session: UserSession): Promise<object> {
    return { ended: await this.sessions.revokeOthers(session) }
  }
}
