pub mod generate_stage;
pub mod link_stage;
pub mod scan_stage;
