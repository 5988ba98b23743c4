import {
  BadRequestException,
  Body,
  Controller,
  Get,
  HttpCode,
  HttpStatus,
  Inject,
  ParseBoolPipe,
  ParseEnumPipe,
  Post,
  Req,
  Session,
  UseGuards,
} from '@nestjs/common'
import { AuthGuard } from '@nestjs/passport'
import { ThrottlerGuard } from '@nestjs/throttler'
import { CurrentUser, type Session as UserSession, type Transport } from 'latchkey'
import type { PublicUser } from '../users/user.entity.js'
import { AuthService } from './auth.service.js'
// oxlint-disable-next-line typescript/consistent-type-imports -- the pipe reads the class from the parameter's metadata
import { RegisterDto } from './register.dto.js'
import type { AuthenticatedRequest, SessionUser } from './session-data.js'

const optionalBoolean = new ParseBoolPipe({
  optional: true,
  exceptionFactory: () => new BadRequestException(['remember must be a boolean value']),
})

const TRANSPORTS = { cookie: 'cookie', bearer: 'bearer' } as const

const optionalTransport = new ParseEnumPipe(TRANSPORTS, {
  optional: true,
  exceptionFactory: () => new BadRequestException(['transport must be cookie or bearer']),
})

@Controller('auth')
export class AuthController {
  constructor(@Inject(AuthService) private readonly authService: AuthService) {}

  @UseGuards(ThrottlerGuard)
  @Post('register')
  register(@Body() registerDto: RegisterDto): Promise<PublicUser> {
    return this.authService.register(registerDto)
  }

  @UseGuards(ThrottlerGuard, AuthGuard('local'))
  @HttpCode(HttpStatus.OK)
  @Post('login')
  async login(
    @Req() request: AuthenticatedRequest,
    @Session() session: UserSession,
    @Body('remember', optionalBoolean) remember?: boolean | null,
    @Body('transport', optionalTransport) transport?: Transport | null,
  ): Promise<object> {
    const { user } = request
    await this.authService.signIn(request, user, { remember: remember ?? false, transport: transport ?? 'cookie' })
    const answer = { message: 'Login successful', user: { id: user.id, email: user.email, name: user.name } }
    return transport === 'bearer' ? { ...answer, token: await session.token() } : answer
  }

  @HttpCode(HttpStatus.OK)
  @Post('logout')
  async logout(@Session() session: UserSession): Promise<object> {
    await session.destroy()
    return { message: 'Logout successful' }
  }

  @UseGuards(AuthGuard(['jwt', 'session']))
  @Get('profile')
  getProfile(@CurrentUser() user: SessionUser): object {
    return { user }
  }

  @Get('me')
  async getMe(@Session() session: UserSession): Promise<object> {
    if (!session.userId) return { authenticated: false }

    const user = await this.authService.findUserById(session.userId)
    return user ? { authenticated: true, user } : { authenticated: false }
  }
}
