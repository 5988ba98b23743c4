import { IsString, MaxLength, MinLength, ValidateIf } from 'class-validator'

export class ChangePasswordDto {
  /** Checked if it is given. Without it the recent sign-in is proof enough. */
  @ValidateIf((_, value: unknown) => value !== undefined)
  @IsString()
  currentPassword?: string

  @MaxLength(128)
  @MinLength(8)
  @IsString()
  newPassword!: string
}
