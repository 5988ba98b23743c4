import { Body, Controller, HttpCode, HttpStatus, Inject, Post, Req, Session, UseGuards } from '@nestjs/common'
import { ThrottlerGuard } from '@nestjs/throttler'
import { minutes, RequireRecentLogin, type Session as UserSession } from 'latchkey'
import { AuthService } from './auth.service.js'
// oxlint-disable-next-line typescript/consistent-type-imports -- the pipe reads the class from the parameter's metadata
import { ChangePasswordDto } from './change-password.dto.js'

@Controller('auth/password')
export class PasswordController {
  constructor(@Inject(AuthService) private readonly authService: AuthService) {}

  // Decorators work from the last to the first: every attempt counts, whoever makes it.
  @RequireRecentLogin(minutes(5))
  @UseGuards(ThrottlerGuard)
  @HttpCode(HttpStatus.OK)
  @Post()
  async changePassword(
    @Req() request: object,
    @Session() session: UserSession,
    @Body() change: ChangePasswordDto,
  ): Promise<object> {
    const ended = await this.authService.changePassword(request, session, change)
    return { message: 'Password changed', ended }
  }
}
