interface MeterProps {
  label: string;
  /** From 0 to 1. */
  value: number;
}

export function Meter({ label, value }: MeterProps) {
  const percent = Math.round(value * 100);
  return (
    <div className="meter" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <span style={{ width: `${percent}%` }} />
    </div>
  );
}
