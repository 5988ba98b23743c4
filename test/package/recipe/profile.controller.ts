import { Controller, Get, Request, UseGuards } from '@nestjs/common'
import { SessionAuthGuard } from './session-auth.guard'

@Controller('profile')
@UseGuards(SessionAuthGuard)
export class ProfileController {
  @Get()
  getProfile(@Request() req: any) {
    return { user: req.user }
  }
}
