import { Controller, Get, UseGuards } from '@nestjs/common'
import { CurrentUser, SessionAuthGuard } from 'latchkey'
import type { SessionUser } from './session-data.js'

@Controller('profile')
@UseGuards(SessionAuthGuard)
export class ProfileController {
  @Get()
  getProfile(@CurrentUser() user: SessionUser): object {
    return { user }
  }
}
